-- title_zh: 污水处理厂负荷率
-- title_en: Treatment plant load
-- unit: %
-- per: plant
-- every: day
-- better: neither
-- source_zh: 日平均进水量与设计规模之比，GB 50014-2021第7章；当日数据不足20小时不出值
-- source_en: mean inflow of the day over design capacity, GB 50014-2021 chapter 7; no value before 20 h of the day are in
SELECT f.asset_id, date_trunc('day', f.time) AS period, 100.0 * 86400 * avg(f.value) / p.capacity AS value
FROM drainage.inflow AS f
JOIN drainage.plant AS p ON p.asset_id = f.asset_id
CROSS JOIN drainage.coefficient AS c
WHERE c.id = 'day_readings' AND f.time >= $since AND f.time < $until
GROUP BY f.asset_id, date_trunc('day', f.time), p.capacity, c.value
HAVING count(*) >= c.value
