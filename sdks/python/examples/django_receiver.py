"""Receives webhooks with Django, in one file: `WEBHOOK_SECRET=whsec_… python django_receiver.py runserver 8001`."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from flux_webhooks import SignatureError, verify

SECRET = os.environ["WEBHOOK_SECRET"]


# the signature says who asks; a webhook has no form, so it has no CSRF token either
@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    try:
        event = verify(request.body, request.headers.get("flux-signature"), SECRET)
    except SignatureError as error:
        return HttpResponse(error.code, status=500 if error.code == "bad_secret" else 400)
    print(event["id"], event["type"], event["data"], flush=True)
    return HttpResponse(status=204)


urlpatterns = [path("webhooks/flux", receive)]

if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"], SECRET_KEY=os.urandom(32).hex())
    execute_from_command_line(sys.argv)
