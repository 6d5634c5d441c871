"""DescribeScalingActivities: what was scaled, when and why; `orchestrator.autoscaling` writes it."""

from __future__ import annotations

from clary.api import Context, Document, operation
from clary.services.autoscaling import names


@operation("application-autoscaling", "DescribeScalingActivities")
def describe_scaling_activities(ctx: Context, request: Document) -> Document:
    """Newest first, those of targets that are gone included. What was not scaled is not recorded."""
    with ctx.read() as tx:
        found, token = names.page(ctx, tx, names.ACTIVITY, request)
    return {"ScalingActivities": [each.document for each in found], "NextToken": token}
