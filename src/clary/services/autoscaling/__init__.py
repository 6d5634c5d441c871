"""Application Auto Scaling, of the instances of SageMaker's variants.

names.py        what a request's namespace, resource and dimension name; targets' and policies' rows and ARNs
targets.py      RegisterScalableTarget, DescribeScalableTargets, DeregisterScalableTarget
policies.py     PutScalingPolicy, DescribeScalingPolicies, DeleteScalingPolicy
activities.py   DescribeScalingActivities
tags.py         TagResource, UntagResource, ListTagsForResource

A target's row lives with an effect, `scale`, which `orchestrator.autoscaling` runs.
"""

from __future__ import annotations

from clary.services.autoscaling import activities, policies, tags, targets

__all__ = ["activities", "policies", "tags", "targets"]
