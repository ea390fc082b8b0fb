-- title_zh: 日用电量
-- title_en: Electricity used in a day
-- unit: kWh
-- per: lamp
-- every: day
-- better: lower
-- source_zh: 功率乘以15分钟，全日累计
-- source_en: power times a quarter of an hour, summed
SELECT p.asset_id, date_trunc('day', p.time) AS period, sum(p.value) * 0.25 AS value
FROM hello.power AS p
WHERE p.time >= $since AND p.time < $until
GROUP BY p.asset_id, date_trunc('day', p.time)
