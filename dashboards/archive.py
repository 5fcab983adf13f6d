"""The archive board."""

from dashboards.app import archive_view

archive_view.build().servable()
