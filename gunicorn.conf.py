"""gunicorn reads this file when it starts here: its own lines look like the app's, and it opens no control socket."""

from pathlib import Path

import environ

from b24app import logs

env = environ.Env()
env.read_env(Path(__file__).with_name(".env"))

control_socket_disable = True
logconfig_dict = logs.configuration(
    env("LOG_FORMAT", default="line" if env.bool("DJANGO_DEBUG", default=False) else "json"), env("LOG_LEVEL", default="INFO").upper()
)
