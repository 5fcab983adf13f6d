"""The distribution board."""

from dashboards.app import distribution_view

distribution_view.build().servable()
