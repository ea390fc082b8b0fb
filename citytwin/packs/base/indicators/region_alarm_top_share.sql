-- title_zh: 区域前十位告警源占比
-- title_en: Share of the ten most frequent alarms of a region
-- unit: %
-- per: region
-- every: day
-- better: lower
-- source_zh: 有告警之日，最频繁的10个“规则＋设施”所发告警占当日新发告警的比例；应不超过5%（ANSI/ISA-18.2-2016，16），告警很少之日此比例自然偏高
-- source_en: of the alarms raised on a day that has any, those of the ten rules at assets that raised most; the goal is at most 5 % (ANSI/ISA-18.2-2016, 16), and days with few alarms cannot meet it
WITH sources AS (
  SELECT l.target, date_trunc('day', a.since) AS period, a.asset_id, a.rule, count(*) AS n
  FROM alarm AS a JOIN base.lies_in AS l ON l.source = a.asset_id
  WHERE a.since >= $since AND a.since < $until AND a.parent IS NULL
  GROUP BY l.target, date_trunc('day', a.since), a.asset_id, a.rule
), ranked AS (
  SELECT target, period, n, row_number() OVER (PARTITION BY target, period ORDER BY n DESC, asset_id, rule) AS place FROM sources
)
SELECT target AS asset_id, period, 100.0 * sum(CASE WHEN place <= 10 THEN n ELSE 0 END) / sum(n) AS value
FROM ranked
GROUP BY target, period
