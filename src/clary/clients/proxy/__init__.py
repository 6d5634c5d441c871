"""A TLS proxy for clients of other languages, which the hook cannot reach and AWS_ENDPOINT_URL may not.

authority     a certificate authority of the home's own, good for AWS's names only
server        a CONNECT proxy: AWS's hosts end here and go on to Clary, other hosts are tunnelled untouched
environment   the variables that make clients use it
"""
