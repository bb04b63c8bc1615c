"""Send notifications and alerts to receivers, a worker each; after the state, the end of the pipe.

Each kind of receiver has a folder: its settings with the schema of its keys, and what sends. `kinds` lists
them. Nothing is imported here: the configuration needs the kinds, but nothing that opens a connection.
"""
