"""The note's block "Cleanup all endpoints", with its imports."""

import time

import boto3

sm = boto3.Session().client("sagemaker")

for en in sm.list_endpoints()["Endpoints"]:
    try:
        print(en["EndpointName"])
        sm.delete_endpoint(EndpointName=en["EndpointName"])
        time.sleep(0.4)
    except:  # noqa: E722
        continue
