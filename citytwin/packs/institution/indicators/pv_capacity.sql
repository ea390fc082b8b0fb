-- title_zh: 光伏装机峰值功率
-- title_en: Photovoltaic capacity
-- unit: kW
-- per: base.region
-- every: month
-- better: higher
-- source_zh: 月末已安装的峰值功率，各直报单位合计；各直报单位未报齐前不出值
-- source_en: peak power installed at the end of the month, summed over the reporting bodies; none before every body has reported
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('month', s.time) AS period, sum(s.value) AS value
FROM institution.body_pv_capacity AS s
JOIN institution.within AS w ON w.source = s.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE s.time >= $since AND s.time < $until
GROUP BY r.region_id, date_trunc('month', s.time), r.bodies
HAVING count(*) = r.bodies
