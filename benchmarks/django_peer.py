"""The SensorThings peer of `bench_observations.py`: django-ogc-sensorthings on PostgreSQL, as its documentation sets it up.

Run by a Python that has django-ogc-sensorthings 1.2.0 and psycopg; `PEER_SOCKET` is the folder of the server's socket. `python django_peer.py` makes the tables.
"""

import os
from uuid import UUID

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.urls import include, path

settings.configure(
    DEBUG=False,
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # it says how long an answer is
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "sensorthings.versions.v1_1",
        "sensorthings.versions.v1_1.backends.django",
        "sensorthings.versions.v1_1.extensions.dataarray",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "bench",
            "HOST": os.environ["PEER_SOCKET"],
        }
    },
    DATA_UPLOAD_MAX_MEMORY_SIZE=1 << 26,
    SENSORTHINGS_V1_1_SERVICE_URL="http://bench/sensorthings",
    SENSORTHINGS_V1_1_BACKEND_ADAPTER="sensorthings.versions.v1_1.backends.django.adapter.DjangoBackendAdapter",
    SENSORTHINGS_V1_1_ID_TYPE=UUID,
    SENSORTHINGS_V1_1_ID_DELIMITER="'",
)
django.setup()
urlpatterns = [path("sensorthings/", include("sensorthings.versions.v1_1.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
else:
    application = get_asgi_application()
