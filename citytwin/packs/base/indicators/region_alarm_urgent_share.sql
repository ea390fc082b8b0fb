-- title_zh: 区域高优先级告警占比
-- title_en: Share of alarms of high priority in a region
-- unit: %
-- per: region
-- every: day
-- better: lower
-- source_zh: 有告警之日，特急与高两级告警占当日新发告警的比例；推荐高约5%、中约15%、低约80%（ANSI/ISA-18.2-2016，16；EEMUA 191）
-- source_en: of the alarms raised on a day that has any, those of the levels critical and high; about 5 % high, 15 % medium and 80 % low are recommended (ANSI/ISA-18.2-2016, 16; EEMUA 191)
SELECT l.target AS asset_id, date_trunc('day', a.since) AS period,
       100.0 * sum(CASE WHEN a.level IN ('critical', 'high') THEN 1 ELSE 0 END) / count(*) AS value
FROM alarm AS a JOIN base.lies_in AS l ON l.source = a.asset_id
WHERE a.since >= $since AND a.since < $until AND a.parent IS NULL
GROUP BY l.target, date_trunc('day', a.since)
