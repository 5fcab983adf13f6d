"""The receipt board."""

from dashboards.app import receipt_view

receipt_view.build().servable()
