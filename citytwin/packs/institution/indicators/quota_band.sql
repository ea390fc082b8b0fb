-- title_zh: 定额分档
-- title_en: Quota band
-- unit: 1
-- per: institution
-- every: month
-- better: lower
-- source_zh: 定额口径能耗强度与同类、同口径定额比较：1绿，不超引导值；2蓝，不超基准值；3黄，不超约束值；4红，超过约束值
-- source_en: quota_intensity held against the quota of its kind on the same basis: 1 green within guide, 2 blue within baseline, 3 yellow within limit, 4 red over it
SELECT x.asset_id, x.period, CASE WHEN x.value <= q.guide THEN 1.0 WHEN x.value <= q.baseline THEN 2.0 WHEN x.value <= q.limit_value THEN 3.0 ELSE 4.0 END AS value
FROM institution.quota_intensity AS x
JOIN institution.institution AS i ON i.asset_id = x.asset_id
JOIN institution.quota AS q ON q.id = i.quota
WHERE x.period >= $since AND x.period < $until
