"""Facts about hardware, models, engines, prices and demand, each with source and date."""
