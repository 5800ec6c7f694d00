SELECT version FROM rfdata.layout
