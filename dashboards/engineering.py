"""The engineering board."""

from dashboards.app import engineering_view

engineering_view.build().servable()
