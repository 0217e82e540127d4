"""What a Superset with the bundle needs beside its defaults. Its secret and its own database come from the environment:
SUPERSET_SECRET_KEY, SUPERSET_DATABASE_URL (SQLAlchemy's).
"""

import os

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DATABASE_URL"]
# The report is a dataset that asks marts.kpi_report for the brand and the days of the filters.
FEATURE_FLAGS = {"ENABLE_TEMPLATE_PROCESSING": True}
LANGUAGES = {
    "en": {"flag": "us", "name": "English"},
    "fr": {"flag": "fr", "name": "Français"},
    "es": {"flag": "es", "name": "Español"},
}
