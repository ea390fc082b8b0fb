-- title_zh: 夜间用水占比
-- title_en: Night water share
-- unit: %
-- per: institution
-- every: day
-- better: lower
-- source_zh: 2至5时平均水流量与此前12个月账单平均流量（每月按730.5小时）之比，用以发现漏水；账单不足11个月的不出值
-- source_en: mean water flow from 2 to 5 o'clock over the mean flow of the twelve months billed before (730.5 h a month): a sign of leaks; none under eleven months billed
WITH night AS (
  SELECT asset_id, date_trunc('day', time) AS period, avg(value) AS rate
  FROM institution.water_use
  WHERE time >= $since AND time < $until AND extract(hour FROM time) >= 2 AND extract(hour FROM time) < 5
  GROUP BY asset_id, date_trunc('day', time)
  HAVING count(*) >= 3
),
bill AS (
  SELECT asset_id, date_trunc('month', time) AS bill_month, sum(value) AS amount
  FROM institution.water_month
  WHERE time >= $since - INTERVAL 13 MONTH AND time < $until
  GROUP BY asset_id, date_trunc('month', time)
),
usual AS (
  SELECT n.asset_id, n.period, sum(b.amount) / (count(*) * 730.5) AS rate
  FROM night AS n
  JOIN bill AS b ON b.asset_id = n.asset_id AND b.bill_month < date_trunc('month', n.period)
    AND b.bill_month >= date_trunc('month', n.period) - INTERVAL 12 MONTH
  GROUP BY n.asset_id, n.period
  HAVING count(*) >= 11 AND sum(b.amount) > 0
)
SELECT n.asset_id, n.period, 100.0 * n.rate / u.rate AS value
FROM night AS n
JOIN usual AS u ON u.asset_id = n.asset_id AND u.period = n.period
