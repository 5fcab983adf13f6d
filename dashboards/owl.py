"""The workflow board."""

from dashboards.app import owl_view

owl_view.build().servable()
