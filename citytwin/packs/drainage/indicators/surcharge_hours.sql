-- title_zh: 满管溢流风险时长
-- title_en: Hours of surcharge
-- unit: h
-- per: manhole
-- every: day
-- better: lower
-- source_zh: 水位高于出水管管顶的时长
-- source_en: time for which the level stands above the crown of the outgoing pipe
SELECT l.asset_id, date_trunc('day', l.time) AS period,
       sum(CASE WHEN l.value > m.crown_m THEN 1 ELSE 0 END) / 12.0 AS value
FROM drainage.level AS l JOIN drainage.manhole AS m ON m.asset_id = l.asset_id
WHERE m.crown_m IS NOT NULL AND l.time >= $since AND l.time < $until
GROUP BY l.asset_id, date_trunc('day', l.time)
