-- Storm manholes that carried water as conductive as sewage on two of the last three days; canal water stays below 600 uS/cm here.
SELECT f.asset_id, min(f.period) AS since, avg(f.value) AS value
FROM drainage.dry_flow AS f
JOIN drainage.dry_conductivity AS c ON c.asset_id = f.asset_id AND c.period = f.period
WHERE f.value > 0.002 AND c.value > 700
  AND f.period >= (SELECT max(period) FROM drainage.dry_flow) - INTERVAL 2 DAY
GROUP BY f.asset_id
HAVING count(*) >= 2
