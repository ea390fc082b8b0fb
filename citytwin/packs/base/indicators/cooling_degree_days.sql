-- title_zh: 空调度日数
-- title_en: Cooling degree days
-- unit: degC
-- per: weather_station
-- every: day
-- better: neither
-- source_zh: 日平均气温高于26℃的度数（CDD26的单日值），JGJ 134-2010
-- source_en: degrees by which the daily mean exceeds 26 degC (one day's share of CDD26), JGJ 134-2010
SELECT t.asset_id, t.period, greatest(t.value - b.base_degc, 0) AS value
FROM base.temperature_mean AS t CROSS JOIN base.degree_base AS b
WHERE b.purpose = 'cooling' AND t.period >= $since AND t.period < $until
