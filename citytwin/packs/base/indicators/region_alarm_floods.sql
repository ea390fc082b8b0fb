-- title_zh: 区域告警泛滥时段占比
-- title_en: Share of the day with a flood of alarms
-- unit: %
-- per: region
-- every: day
-- better: lower
-- source_zh: 有告警之日144个10分钟时段中新发告警超过10条者所占比例；目标低于1%（ANSI/ISA-18.2-2016；EEMUA 191）
-- source_en: of the 144 periods of ten minutes of a day that has alarms, those with more than ten raised at assets that lie in the region; the goal is below 1 % (ANSI/ISA-18.2-2016; EEMUA 191)
WITH periods AS (
  SELECT l.target AS asset_id, date_trunc('day', a.since) AS period, floor(extract(epoch FROM a.since) / 600) AS part, count(*) AS n
  FROM alarm AS a JOIN base.lies_in AS l ON l.source = a.asset_id
  WHERE a.since >= $since AND a.since < $until AND a.parent IS NULL
  GROUP BY l.target, date_trunc('day', a.since), floor(extract(epoch FROM a.since) / 600)
)
SELECT asset_id, period, 100.0 * sum(CASE WHEN n > 10 THEN 1 ELSE 0 END) / 144 AS value
FROM periods
GROUP BY asset_id, period
