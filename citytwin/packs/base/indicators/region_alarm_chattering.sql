-- title_zh: 区域抖动告警数
-- title_en: Chattering alarms of a region
-- unit: 1
-- per: region
-- every: day
-- better: lower
-- source_zh: 有告警之日，60秒内出现3次及以上的“规则＋设施”个数；应为零（ANSI/ISA-18.2-2016，16；EEMUA 191）
-- source_en: on a day that has alarms, the rules at assets that raised three or more within sixty seconds; there should be none (ANSI/ISA-18.2-2016, 16; EEMUA 191)
WITH raised AS (
  SELECT a.asset_id, a.rule, a.since, lag(a.since, 2) OVER (PARTITION BY a.asset_id, a.rule ORDER BY a.since) AS third
  FROM alarm AS a WHERE a.since >= $since - INTERVAL '60' SECOND AND a.since < $until AND a.parent IS NULL
), sources AS (
  SELECT l.target, date_trunc('day', r.since) AS period, r.asset_id, r.rule,
         max(CASE WHEN r.third >= r.since - INTERVAL '60' SECOND THEN 1 ELSE 0 END) AS chatters
  FROM raised AS r JOIN base.lies_in AS l ON l.source = r.asset_id
  WHERE r.since >= $since
  GROUP BY l.target, date_trunc('day', r.since), r.asset_id, r.rule
)
SELECT target AS asset_id, period, CAST(sum(chatters) AS DOUBLE) AS value FROM sources GROUP BY target, period
