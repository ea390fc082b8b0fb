-- title_zh: 公共机构二氧化碳排放总量
-- title_en: Carbon dioxide of public institutions
-- unit: t
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 各直报单位月碳排放量之和：省级平均因子，含交通用油和外购电力；仅计全部直报单位12个月均已报送的年份；规划未注明因子，假定采用已公布因子中与其320万吨、171万吨标准煤两数最接近者
-- source_en: sum of body_carbon: provincial average factors, fuels incl. transport, bought electricity; only years in which every reporting body has reported all twelve months; of the published factors the one nearest to the pair 3.20 Mt and 1.71 Mtce of the plan (assumption: the plan names none)
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, sum(e.value) AS value
FROM institution.body_carbon AS e
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
