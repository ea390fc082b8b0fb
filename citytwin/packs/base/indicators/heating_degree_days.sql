-- title_zh: 采暖度日数
-- title_en: Heating degree days
-- unit: degC
-- per: weather_station
-- every: day
-- better: neither
-- source_zh: 日平均气温低于18℃的度数（HDD18的单日值），JGJ 134-2010
-- source_en: degrees by which the daily mean stays below 18 degC (one day's share of HDD18), JGJ 134-2010
SELECT t.asset_id, t.period, greatest(b.base_degc - t.value, 0) AS value
FROM base.temperature_mean AS t CROSS JOIN base.degree_base AS b
WHERE b.purpose = 'heating' AND t.period >= $since AND t.period < $until
