"""The acquisition window: a client of the service and nothing else.

A window that dies, hangs or is closed never touches a run; a second window shows the same truth.
Panels are widgets made from a `ServiceLink` and a `Theme`: they draw what the link's signal
`updated` brings while they are visible, and act through `ServiceLink.ask`.
"""
