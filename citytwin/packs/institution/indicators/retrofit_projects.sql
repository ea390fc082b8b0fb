-- title_zh: 累计绿色化改造项目
-- title_en: Green retrofit projects
-- unit: 1
-- per: base.region
-- every: month
-- better: higher
-- source_zh: 月末台账数；各直报单位未报齐前不出值
-- source_en: register count at the end of the month; none before every body has reported
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('month', s.time) AS period, sum(s.value) AS value
FROM institution.body_retrofits AS s
JOIN institution.within AS w ON w.source = s.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE s.time >= $since AND s.time < $until
GROUP BY r.region_id, date_trunc('month', s.time), r.bodies
HAVING count(*) = r.bodies
