"""How do devices publish, and who may listen over MQTT? Through a broker that is there (`bridge`), or one of our own (`broker`).

`post` is what becomes of a message that comes in, `news` what is published of the city, `outbox` what waits for a subscriber, `packet` the protocol's bytes. `bridge` alone loads a
client library, and only when a broker is named.
"""
