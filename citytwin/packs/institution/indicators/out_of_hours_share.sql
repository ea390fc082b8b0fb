-- title_zh: 非工作时段用电占比
-- title_en: Electricity out of hours
-- unit: %
-- per: institution
-- every: month
-- better: lower
-- source_zh: 当月至今工作日8至18时以外的用电量占比；工作日按国务院年度放假安排，未录入的按周一至周五；有数据各日平均不足58个15分钟时段（60%）的不出值
-- source_en: share of the month's electricity so far outside 8 to 18 o'clock of working days; working days by the State Council's annual notices, weekdays where none is entered; none where the days seen have fewer than 58 quarters (60 %) on average
SELECT e.asset_id, date_trunc('month', e.time) AS period,
       100.0 * sum(CASE WHEN extract(hour FROM e.time) >= 8 AND extract(hour FROM e.time) < 18
                         AND (h.status = 'work' OR (h.status IS NULL AND extract(isodow FROM e.time) < 6))
                        THEN 0 ELSE e.value END) / sum(e.value) AS value
FROM institution.electricity AS e
LEFT JOIN institution.holiday AS h ON h.day = CAST(e.time AS DATE)
WHERE e.time >= $since AND e.time < $until
GROUP BY e.asset_id, date_trunc('month', e.time)
HAVING sum(e.value) > 0 AND count(*) >= 58 * count(DISTINCT CAST(e.time AS DATE))
