"""SageMaker: one file per noun."""
