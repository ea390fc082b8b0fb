-- title_zh: 日用电量
-- title_en: Electricity of the day
-- unit: kWh
-- per: institution
-- every: day
-- better: lower
-- source_zh: 各15分钟用电量之和，折算至全日96个时段；不足87个时段（90%）的不出值
-- source_en: sum of quarter-hour electricity, brought up to 96 quarters; none under 87 of them (90 %)
SELECT asset_id, date_trunc('day', time) AS period, sum(value) * 96.0 / count(*) AS value
FROM institution.electricity
WHERE time >= $since AND time < $until
GROUP BY asset_id, date_trunc('day', time)
HAVING count(*) >= 87
