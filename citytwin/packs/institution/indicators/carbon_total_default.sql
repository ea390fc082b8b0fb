-- title_zh: 公共机构二氧化碳排放总量（本市缺省因子）
-- title_en: Carbon dioxide of public institutions, city default factor
-- unit: t
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 各直报单位月碳排放量（本市缺省因子）之和：2022-02-10及以前0.788、2022-02-11起0.42 kg/kWh；仅计全部直报单位12个月均已报送的年份；认定减排前须与冻结2020年因子的同名指标比较
-- source_en: sum of body_carbon_default: 0.788 kg/kWh to 2022-02-10, 0.42 from 2022-02-11; only years in which every reporting body has reported all twelve months; compare with carbon_total_default_frozen before calling a fall a saving
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
