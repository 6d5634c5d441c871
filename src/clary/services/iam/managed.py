"""AWS's managed policies that SageMaker roles are given: what they allow, in their own terms.

Only those whose actions concern what Clary serves or what its clients ask about are here. Sources: AWS Managed
Policy Reference Guide, one page a policy; statements on services that Clary does not have are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clary.domain.identity_policies import Policy

PREFIX = "arn:aws:iam::aws:policy/"


def _allow(actions: Sequence[str], resources: Sequence[str] = ("*",), **more: object) -> Mapping[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


_SAGEMAKER_OBJECTS = tuple(
    f"arn:aws:s3:::*{word}*" for word in ("SageMaker", "Sagemaker", "sagemaker", "aws-glue")
)

_STATEMENTS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "AdministratorAccess": (_allow(["*"]),),
    "PowerUserAccess": (
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": ["*"]},
        _allow(["iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"]),
    ),
    "IAMFullAccess": (_allow(["iam:*"]),),
    "IAMReadOnlyAccess": (_allow(["iam:Get*", "iam:List*", "iam:Simulate*"]),),
    "AmazonS3FullAccess": (_allow(["s3:*", "s3-object-lambda:*"]),),
    "AmazonS3ReadOnlyAccess": (_allow(["s3:Get*", "s3:List*", "s3:Describe*"]),),
    "CloudWatchLogsFullAccess": (_allow(["logs:*", "cloudwatch:GenerateQuery"]),),
    "CloudWatchFullAccess": (_allow(["cloudwatch:*", "logs:*", "sns:*", "autoscaling:Describe*"]),),
    "AmazonEC2ContainerRegistryFullAccess": (_allow(["ecr:*", "cloudtrail:LookupEvents"]),),
    "AmazonEC2ContainerRegistryReadOnly": (
        _allow([
            "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages",
            "ecr:BatchGetImage",
        ]),
    ),
    "AmazonSageMakerReadOnly": (
        _allow(["sagemaker:Describe*", "sagemaker:List*", "sagemaker:BatchGetMetrics", "sagemaker:GetDeviceRegistration",
                "sagemaker:GetDeviceFleetReport", "sagemaker:GetSearchSuggestions", "sagemaker:BatchGetRecord",
                "sagemaker:GetRecord", "sagemaker:Search", "sagemaker:QueryLineage",
                "sagemaker:GetLineageGroupPolicy", "sagemaker:BatchDescribeModelPackage",
                "sagemaker:GetModelPackageGroupPolicy"]),
        _allow(["application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
                "cloudwatch:DescribeAlarms", "ecr:Describe*"]),
    ),
    "AmazonSageMakerFullAccess": (
        _allow(["sagemaker:*", "sagemaker-geospatial:*"]),
        _allow([
            "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingActivities",
            "application-autoscaling:DescribeScalingPolicies", "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics",
            "cloudwatch:PutMetricAlarm", "cloudwatch:PutMetricData", "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:CreateNetworkInterface",
            "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints", "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage", "ecr:CreateRepository", "ecr:Describe*", "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer", "ecr:StartImageScan", "iam:ListRoles", "kms:DescribeKey",
            "kms:ListAliases", "logs:CreateLogDelivery", "logs:CreateLogGroup", "logs:CreateLogStream",
            "logs:DeleteLogDelivery", "logs:Describe*", "logs:GetLogDelivery", "logs:GetLogEvents",
            "logs:ListLogDeliveries", "logs:PutLogEvents", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]),
        _allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], _SAGEMAKER_OBJECTS),
        _allow(["s3:GetObject"], ("arn:aws:s3:::*",),
               Condition={"StringEqualsIgnoreCase": {"s3:ExistingObjectTag/SageMaker": "true"}}),
        _allow(["s3:GetBucketAcl", "s3:PutObjectAcl"], _SAGEMAKER_OBJECTS),
        _allow(["s3:CreateBucket", "s3:GetBucketLocation", "s3:ListBucket", "s3:ListAllMyBuckets",
                "s3:GetBucketCors", "s3:PutBucketCors"]),
        _allow(["iam:PassRole"], ("arn:aws:iam::*:role/*AmazonSageMaker*",),
               Condition={"StringEquals": {"iam:PassedToService": ["glue.amazonaws.com", "robomaker.amazonaws.com",
                                                                    "states.amazonaws.com"]}}),
        _allow(["iam:PassRole"], ("arn:aws:iam::*:role/*",),
               Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
    ),
}  # fmt: skip


def name(arn: str) -> str:
    return arn.rpartition("/")[2]


def find(arn: str) -> Policy | None:
    """The policy of this ARN; None if AWS has none of it, or Clary does not know it."""
    statements = _STATEMENTS.get(arn.removeprefix(PREFIX)) if arn.startswith(PREFIX) else None
    return None if statements is None else {"Version": "2012-10-17", "Statement": list(statements)}
