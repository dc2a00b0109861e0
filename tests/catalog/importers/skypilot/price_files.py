"""The header of a price file, and the prices of its offers."""

HEADER = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,"
    "AvailabilityZone,GpuInfo"
)
AS_OF = "2026-11-01"


def prices(imported):
    """Return the prices by instance, region and tenure."""
    return {
        (o.instance, o.region, o.tenure): o.price_usd_per_hour for o in imported.rows["offers"]
    }
