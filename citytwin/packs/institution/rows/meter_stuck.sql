-- Meters whose last twelve readings (three hours) are all the same; since: the first of that run within the last day.
WITH recent AS (
  SELECT asset_id, time, value, row_number() OVER (PARTITION BY asset_id ORDER BY time DESC) AS place
  FROM institution.power
  WHERE time >= (SELECT max(time) FROM institution.power) - INTERVAL 1 DAY
),
stuck AS (
  SELECT asset_id, max(value) AS value FROM recent WHERE place <= 12
  GROUP BY asset_id HAVING count(*) = 12 AND min(value) = max(value) AND max(value) > 0
),
moved AS (
  SELECT r.asset_id, max(r.time) AS time FROM recent AS r JOIN stuck AS s ON s.asset_id = r.asset_id WHERE r.value <> s.value GROUP BY r.asset_id
)
SELECT s.asset_id, min(r.time) AS since, s.value
FROM stuck AS s
JOIN recent AS r ON r.asset_id = s.asset_id
LEFT JOIN moved AS m ON m.asset_id = s.asset_id
WHERE m.time IS NULL OR r.time > m.time
GROUP BY s.asset_id, s.value
