"""The HTCondor engine: DAGMan orders and places, our database decides.

In: steps that are ready, and those that become ready through them. Out: the same endings as the embedded engine's.
`plan` chooses a batch, `dag` writes it down, `pool` talks to the schedd, `client` is what a node runs, `warm` is the
server it asks, `node` carries one step out, `logs` reads what DAGMan wrote, `batches` settles it, `engine` turns.
"""
