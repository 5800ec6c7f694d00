"""Pictures of boxes and the links between them: laid out by layers, drawn as SVG. Pure."""
