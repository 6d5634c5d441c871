from clary.cli import main

main(prog_name="clary")
