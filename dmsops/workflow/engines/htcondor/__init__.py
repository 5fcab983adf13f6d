"""The HTCondor engine: DAGMan orders and places, our database decides.

In: steps that are ready, and those that become ready through them. Out: the same endings as the embedded engine's.
`closure` chooses a batch, `dag` and `folder` write it down, `pool` talks to the schedd, `client` is what a node runs,
`warm` is the server it asks, `node` carries one step out, `logs` and `eventlog` read what DAGMan and HTCondor wrote,
`intake` takes it in, `batches` settles it, `reconcile` compares with the queue, `engine` turns.
"""
