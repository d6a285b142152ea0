"""gunicorn reads this file when it starts here: its own lines look like the app's, and it opens no control socket."""

import os
from pathlib import Path

import environ

from b24app import logs


class Env(environ.Env):
    """A copy: what stands in .env must not reach the environment of this process, whose children read .env anew at a reload."""

    ENVIRON = dict(os.environ)


Env.read_env(Path(__file__).with_name(".env"))
env = Env()

control_socket_disable = True
logconfig_dict = logs.configuration(
    env("LOG_FORMAT", default="line" if env.bool("DJANGO_DEBUG", default=False) else "json"), env("LOG_LEVEL", default="INFO").upper()
)
