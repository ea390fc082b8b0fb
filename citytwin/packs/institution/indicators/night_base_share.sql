-- title_zh: 夜间基荷占比
-- title_en: Night base share
-- unit: %
-- per: institution
-- every: day
-- better: lower
-- source_zh: 1至5时平均功率与此前12个月账单平均负荷（每月按730.5小时）之比，以免把周末误判为浪费；账单不足11个月的不出值
-- source_en: mean power from 1 to 5 o'clock over the mean load of the twelve months billed before (730.5 h a month), so that a weekend does not look like waste; none under eleven months billed
WITH night AS (
  SELECT asset_id, date_trunc('day', time) AS period, avg(value) AS rate
  FROM institution.power
  WHERE time >= $since AND time < $until AND extract(hour FROM time) >= 1 AND extract(hour FROM time) < 5
  GROUP BY asset_id, date_trunc('day', time)
  HAVING count(*) >= 15
),
bill AS (
  SELECT asset_id, date_trunc('month', time) AS bill_month, sum(value) AS amount
  FROM institution.electricity_month
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
