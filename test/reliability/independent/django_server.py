"""django-oauth-toolkit on loopback: `django_server.py FOLDER PORT GRACE_SECONDS`, tables in FOLDER."""

import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings

FOLDER, PORT, GRACE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

SIGN_IN_PAGE = '<form method="post">{% csrf_token %}{{ form.as_p }}<input type="submit"></form>'

settings.configure(
    SECRET_KEY="for-this-test-only-0123456789-0123456789-0123456789",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(FOLDER, "django.db")}
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": SIGN_IN_PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    LOGIN_URL="/sign-in/",
    OAUTH2_PROVIDER={
        "SCOPES": {"meetings": "Read meetings"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": GRACE,
        "PKCE_REQUIRED": True,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],
    },
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

urlpatterns = [
    path("sign-in/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]

call_command("migrate", verbosity=0)
administrator = get_user_model().objects.create_user("admin", password="password")
Application = get_application_model()
Application.objects.create(
    name="keeper",
    client_id="keeper",
    client_secret="keeper-secret-0123456789",
    client_type=Application.CLIENT_CONFIDENTIAL,
    authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    redirect_uris="http://127.0.0.1:8700/oauth/callback",
    user=administrator,
)

application = get_wsgi_application()
turn = threading.Lock()


def one_at_a_time(environ, start_response):
    """SQLite lets one write at a time, and Django does not wait for its turn. Noted before it is answered."""
    said = []

    def keep(status, headers, exc_info=None):
        said.append(status[:3])
        return start_response(status, headers, exc_info)

    with turn:
        body = list(application(environ, keep))
        with open(os.path.join(FOLDER, "requests.log"), "a") as log:
            log.write(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {said[-1]}\n")
        return body


class Server(ThreadingMixIn, WSGIServer):
    """A connection that is idle keeps no other one waiting."""

    daemon_threads = True
    request_queue_size = 64


make_server("127.0.0.1", PORT, one_at_a_time, server_class=Server).serve_forever()
