-- title_zh: 区域每小时告警数（每位值班员）
-- title_en: Alarms of a region per operator and hour
-- unit: 1
-- per: region
-- every: hour
-- better: lower
-- source_zh: 有告警之小时内新发告警数（已被其他告警解释的不计）除以该区域值班员人数（未填按1人）；6条以内可接受，12条为上限（IEC 62682:2022；ANSI/ISA-18.2-2016，16）
-- source_en: alarms raised in an hour that has any, without those that another alarm explains, over the operators on duty for the region (one, where it is not given); up to 6 are acceptable, 12 are the most that can be managed (IEC 62682; ANSI/ISA-18.2-2016, 16)
SELECT l.target AS asset_id, date_trunc('hour', a.since) AS period, count(*) / max(coalesce(r.operators, 1)) AS value
FROM alarm AS a JOIN base.lies_in AS l ON l.source = a.asset_id JOIN base.region AS r ON r.asset_id = l.target
WHERE a.since >= $since AND a.since < $until AND a.parent IS NULL
GROUP BY l.target, date_trunc('hour', a.since)
