"""What a build costs: made-up documents, stand-ins for the gateway and for S3, and measurements.

`python -m bench` measures; nothing here is part of the packages that are installed.
"""
