"""Amazon S3, and any storage that speaks as it does."""
