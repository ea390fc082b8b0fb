-- title_zh: 公共机构二氧化碳排放总量（本市缺省因子）
-- title_en: Carbon dioxide of public institutions, city default factor
-- unit: t
-- per: base.region
-- every: year
-- better: lower
-- source: sum of body_carbon_default: 0.788 kg/kWh to 2022-02-10, 0.42 from 2022-02-11; only years in which every reporting body has reported all twelve months; compare with carbon_total_default_frozen before calling a fall a saving
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, sum(e.value) AS value
FROM institution.body_carbon_default AS e
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
