"""How far the performance model is from measured rows.

``measurements`` reads a folder of tables, ``observations`` decides which figures are compared,
``names`` and ``cases`` turn a measured configuration into a replica of the catalogue, ``predict``
runs the model on all of them at once, ``slices`` and ``errors`` sum up, ``decisions`` asks what a
minimiser would have picked, and ``validate`` is the whole in order.
"""
