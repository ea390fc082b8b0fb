"""What may be asked of the city in the words of OGC SensorThings 1.1 (18-088) and 2.0 (23-019)?

`path` and `query` read a URL, `schema` says what there is, `sql` and `level` say it in SQL, `read` puts the answer together. Nothing here knows HTTP or
a store. One language serves both versions: what only 2.0 has (`in`, `any`, `cast`, zones) is read under 1.1 too.
"""
