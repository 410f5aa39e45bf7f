# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kache_global_optspecs
    string join \n color= h/help V/version
end

function __fish_kache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kache_using_subcommand
    set -l cmd (__fish_kache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kache -n "__fish_kache_needs_command" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_needs_command" -s V -l version -d 'Print version'
complete -c kache -n "__fish_kache_needs_command" -f -a "init" -d 'Configure cargo to use kache, and verify it'
complete -c kache -n "__fish_kache_needs_command" -f -a "doctor" -d 'Check the installation and fix problems'
complete -c kache -n "__fish_kache_needs_command" -f -a "stats" -d 'Show cache statistics: hits, misses, time saved, and disk usage'
complete -c kache -n "__fish_kache_needs_command" -f -a "report" -d 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline'
complete -c kache -n "__fish_kache_needs_command" -f -a "monitor" -d 'Show what kache does while a build runs'
complete -c kache -n "__fish_kache_needs_command" -f -a "list" -d 'List the entries of the store'
complete -c kache -n "__fish_kache_needs_command" -f -a "why-miss" -d 'Explain why crates were not served from the cache: one, or those of the last build'
complete -c kache -n "__fish_kache_needs_command" -f -a "gc" -d 'Reduce the store to its size limit, and remove unreferenced files'
complete -c kache -n "__fish_kache_needs_command" -f -a "harvest" -d 'Keep what cargo wrote in the last build, to fill new build directories with it'
complete -c kache -n "__fish_kache_needs_command" -f -a "purge" -d 'Remove all entries, or those of one crate'
complete -c kache -n "__fish_kache_needs_command" -f -a "clean" -d 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects'
complete -c kache -n "__fish_kache_needs_command" -f -a "sync" -d 'Share entries with other machines through the remote'
complete -c kache -n "__fish_kache_needs_command" -f -a "save-manifest" -d 'Share what the last build consisted of, so that others can fill new build directories with it'
complete -c kache -n "__fish_kache_needs_command" -f -a "remote" -d 'Manage keys for the remote'
complete -c kache -n "__fish_kache_needs_command" -f -a "uninstall" -d 'Restore the cargo configuration, and remove what init created'
complete -c kache -n "__fish_kache_needs_command" -f -a "self-update" -d 'Update kache to the latest release'
complete -c kache -n "__fish_kache_needs_command" -f -a "config" -d 'Show the settings in effect and where they come from'
complete -c kache -n "__fish_kache_needs_command" -f -a "daemon" -d 'Manage the daemon'
complete -c kache -n "__fish_kache_needs_command" -f -a "try" -d 'Build a workspace with and without kache in a temporary directory, and compare'
complete -c kache -n "__fish_kache_needs_command" -f -a "completions" -d 'Generate shell completions'
complete -c kache -n "__fish_kache_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand init" -l wrapper-path -d 'How the cargo configuration refers to kache' -r -f -a "auto\t'A path that stays valid when kache is updated'
name\t'The name, looked up in PATH: for a configuration shared by several machines'
abs\t'The current path'"
complete -c kache -n "__fish_kache_using_subcommand init" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand init" -s y -l yes -d 'Apply the changes without asking'
complete -c kache -n "__fish_kache_using_subcommand init" -l dry-run -l check -d 'Show the changes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand init" -s v -l verbose -d 'Show the content of new files, too'
complete -c kache -n "__fish_kache_using_subcommand init" -l json -d 'Print one JSON object instead of text; requires -y or --dry-run'
complete -c kache -n "__fish_kache_using_subcommand init" -l no-service -d 'Do not install the login service'
complete -c kache -n "__fish_kache_using_subcommand init" -l linger -d 'Start the service at boot instead of at login, for machines that build with no user logged in'
complete -c kache -n "__fish_kache_using_subcommand init" -l undo -d 'Revert the changes of earlier runs of init'
complete -c kache -n "__fish_kache_using_subcommand init" -l allow-root -d 'Allow running as root through sudo'
complete -c kache -n "__fish_kache_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand doctor" -l fix -d 'Fix problems, after showing the changes'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l project -d 'Also change files of the current repository that configure sccache'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l purge-sccache -d 'Also remove the local cache of sccache'
complete -c kache -n "__fish_kache_using_subcommand doctor" -s y -l yes -d 'Apply the changes without asking'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l dry-run -l check -d 'Show the fixes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l verify -d 'Verify the content of the whole store, and quarantine what was altered'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l rebuild-index -d 'Rebuild the index from the store'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l online -d 'Also check for a newer release, and whether the remote can be used; only this uses the network'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l report -d 'Print a report for bug reports, without the names of the user, home directory and project'
complete -c kache -n "__fish_kache_using_subcommand doctor" -s v -l verbose -d 'Show all checks, not only notes and problems'
complete -c kache -n "__fish_kache_using_subcommand doctor" -l json -d 'Print one JSON object instead of text; with --fix, requires -y or --dry-run'
complete -c kache -n "__fish_kache_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand stats" -l since -d 'Only builds within this time, such as 24h or 7d; records are kept for 30 days' -r
complete -c kache -n "__fish_kache_using_subcommand stats" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand stats" -l json -d 'Print one JSON object instead of tables'
complete -c kache -n "__fish_kache_using_subcommand stats" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand report" -l format -d 'The form of the report' -r -f -a "text\t'For a terminal'
json\t'For programs'
markdown\t'For documents'
github\t'For job summaries and comments of GitHub: Markdown, with details folded'
html\t'A page with a timeline of the last build, in one file'"
complete -c kache -n "__fish_kache_using_subcommand report" -l since -d 'Only builds within this time, such as 24h or 7d; records are kept for 30 days' -r
complete -c kache -n "__fish_kache_using_subcommand report" -l output -d 'Write the report to this file instead of standard output' -r -F
complete -c kache -n "__fish_kache_using_subcommand report" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand report" -l last-build -d 'Only the last build'
complete -c kache -n "__fish_kache_using_subcommand report" -l json -d 'Print one JSON object instead of text: another spelling of --format json'
complete -c kache -n "__fish_kache_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_using_subcommand monitor" -l since -d 'Show builds within this time, such as 24h or 7d' -r
complete -c kache -n "__fish_kache_using_subcommand monitor" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand monitor" -l once -d 'Print the screen once, as text, and exit'
complete -c kache -n "__fish_kache_using_subcommand monitor" -l json -d 'Print one JSON object per line instead of text'
complete -c kache -n "__fish_kache_using_subcommand monitor" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand list" -l crate-name -d 'The crate or package: another spelling of CRATE' -r
complete -c kache -n "__fish_kache_using_subcommand list" -l sort -d 'Sort order' -r -f -a "name\t'By crate name'
size\t'Largest first'
hits\t'Most hits first'
age\t'Least recently used first'"
complete -c kache -n "__fish_kache_using_subcommand list" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand list" -l inputs -d 'Show the inputs of each entry and how they were learned, instead of its size'
complete -c kache -n "__fish_kache_using_subcommand list" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kache -n "__fish_kache_using_subcommand why-miss" -l crate-name -d 'The crate or package: another spelling of CRATE' -r
complete -c kache -n "__fish_kache_using_subcommand why-miss" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand why-miss" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand why-miss" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand gc" -l max-age -d 'Also remove entries unused for this long, such as 7d' -r
complete -c kache -n "__fish_kache_using_subcommand gc" -l grace -d 'Keep entries made or used within this time, which a running build may need' -r
complete -c kache -n "__fish_kache_using_subcommand gc" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand gc" -l dry-run -l check -d 'Show what would be removed, without removing anything'
complete -c kache -n "__fish_kache_using_subcommand gc" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand gc" -l automatic -d 'Started by a build: print nothing, and do nothing unless needed'
complete -c kache -n "__fish_kache_using_subcommand gc" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand harvest" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand harvest" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand harvest" -l automatic -d 'Started by a build: wait for its end, and print nothing'
complete -c kache -n "__fish_kache_using_subcommand harvest" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand purge" -l crate-name -d 'The crate or package: another spelling of CRATE' -r
complete -c kache -n "__fish_kache_using_subcommand purge" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand purge" -l dry-run -l check -d 'Show what would be removed, without removing anything'
complete -c kache -n "__fish_kache_using_subcommand purge" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand purge" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand clean" -l stale -d 'Choose build directories that were not used for this long, such as 14d' -r
complete -c kache -n "__fish_kache_using_subcommand clean" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand clean" -l dry-run -l check -d 'Show what would be removed, without removing anything'
complete -c kache -n "__fish_kache_using_subcommand clean" -l orphans -d 'Choose build directories whose projects are gone'
complete -c kache -n "__fish_kache_using_subcommand clean" -l all -d 'Choose all build directories'
complete -c kache -n "__fish_kache_using_subcommand clean" -s y -l yes -d 'Remove what is chosen without asking; requires --stale, --orphans or --all'
complete -c kache -n "__fish_kache_using_subcommand clean" -l json -d 'Print one JSON object instead of text; requires -y or --dry-run'
complete -c kache -n "__fish_kache_using_subcommand clean" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand sync" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand sync" -l pull -d 'Fetch entries from the remote'
complete -c kache -n "__fish_kache_using_subcommand sync" -l push -d 'Send entries to the remote'
complete -c kache -n "__fish_kache_using_subcommand sync" -l all -d 'Transfer everything, not only what this workspace can use'
complete -c kache -n "__fish_kache_using_subcommand sync" -l dry-run -l check -d 'Show what would be transferred, without transferring anything'
complete -c kache -n "__fish_kache_using_subcommand sync" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand sync" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand save-manifest" -l namespace -d 'The namespace to share it in [default: `cache.remote.namespace`]' -r
complete -c kache -n "__fish_kache_using_subcommand save-manifest" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand save-manifest" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand save-manifest" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand remote; and not __fish_seen_subcommand_from keygen help" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand remote; and not __fish_seen_subcommand_from keygen help" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand remote; and not __fish_seen_subcommand_from keygen help" -f -a "keygen" -d 'Create a key pair to sign entries with'
complete -c kache -n "__fish_kache_using_subcommand remote; and not __fish_seen_subcommand_from keygen help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from keygen" -l file -d 'Where to write the secret key [default: kache/remote.key in the user\'s configuration directory]' -r -F
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from keygen" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from keygen" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from keygen" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from help" -f -a "keygen" -d 'Create a key pair to sign entries with'
complete -c kache -n "__fish_kache_using_subcommand remote; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand uninstall" -s y -l yes -d 'Apply the changes without asking'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l dry-run -l check -d 'Show the changes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -s v -l verbose -d 'Show the content of new files, too'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l json -d 'Print one JSON object instead of text; requires -y or --dry-run'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l purge -d 'Also remove the store, the records, and the journal of changes'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l self -d 'Also remove this program, if kache\'s installer put it here'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l allow-root -d 'Allow running as root through sudo'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -l by-installer -d 'Called by an installer, which removes the program next'
complete -c kache -n "__fish_kache_using_subcommand uninstall" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand self-update" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand self-update" -s y -l yes -d 'Apply the changes without asking'
complete -c kache -n "__fish_kache_using_subcommand self-update" -l dry-run -l check -d 'Show the changes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand self-update" -s v -l verbose -d 'Show the content of new files, too'
complete -c kache -n "__fish_kache_using_subcommand self-update" -l json -d 'Print one JSON object instead of text; requires -y or --dry-run'
complete -c kache -n "__fish_kache_using_subcommand self-update" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -f -a "get" -d 'Print the value of one setting'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -f -a "set" -d 'Set a setting in the user\'s configuration file, or in the project\'s'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -f -a "unset" -d 'Remove a setting from the user\'s configuration file, or from the project\'s'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -f -a "undo" -d 'Take back the last change of a configuration file that was made with these commands'
complete -c kache -n "__fish_kache_using_subcommand config; and not __fish_seen_subcommand_from get set unset undo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from get" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'Print one JSON object instead of the value'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from set" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from set" -l project -d 'Change the project\'s .kache.toml instead of the user\'s file'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from set" -l dry-run -l check -d 'Show the change without making it; exit with 2 if there is any'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from set" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from unset" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from unset" -l project -d 'Change the project\'s .kache.toml instead of the user\'s file'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from unset" -l dry-run -l check -d 'Show the change without making it; exit with 2 if there is any'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from unset" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from undo" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from undo" -l dry-run -l check -d 'Show the change without making it; exit with 2 if there is any'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from undo" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print the value of one setting'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a setting in the user\'s configuration file, or in the project\'s'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "unset" -d 'Remove a setting from the user\'s configuration file, or from the project\'s'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "undo" -d 'Take back the last change of a configuration file that was made with these commands'
complete -c kache -n "__fish_kache_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "run" -d 'Run the daemon in the foreground'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "status" -d 'Show the status of the daemon (the default)'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "start" -d 'Start the daemon, unless it is running'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "stop" -d 'Stop the daemon, after it has sent what is queued for the remote'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "restart" -d 'Restart the daemon without dropping requests'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "install" -d 'Install the daemon as a login service, and start it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "uninstall" -d 'Stop the daemon, and remove the login service'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "log" -d 'Print the end of the log'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "preflight" -d 'Check that this binary can run here, and print its version'
complete -c kache -n "__fish_kache_using_subcommand daemon; and not __fish_seen_subcommand_from run status start stop restart install uninstall log preflight help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l supervised -d 'The supervisor that restarts the daemon' -r -f -a "systemd\t''
launchd\t''
task\t''
openrc\t''
rc.d\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l exe -d 'The path to watch for another version' -r -F
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l handover -d 'The state handed over by the previous version' -r
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from status" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from start" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from start" -l for-build -d 'Start it only where a build may: not where a service does, or somebody stopped it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from stop" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from restart" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l user -d 'The service account that runs the builds and the daemon' -r
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l dry-run -l check -d 'Show the changes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Show the content of new files, too'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -l system -d 'Install a system service for a build server, which starts with the machine; requires root'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l dry-run -l check -d 'Show the changes without making them; exit with 2 if there are any'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -s v -l verbose -d 'Show the content of new files, too'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l json -d 'Print one JSON object instead of text'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -l system -d 'Remove the system service; requires root'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from log" -s n -l lines -d 'Number of lines' -r
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from log" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from preflight" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from preflight" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run the daemon in the foreground'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show the status of the daemon (the default)'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start the daemon, unless it is running'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop the daemon, after it has sent what is queued for the remote'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "restart" -d 'Restart the daemon without dropping requests'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "install" -d 'Install the daemon as a login service, and start it'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "uninstall" -d 'Stop the daemon, and remove the login service'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "log" -d 'Print the end of the log'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "preflight" -d 'Check that this binary can run here, and print its version'
complete -c kache -n "__fish_kache_using_subcommand daemon; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand try" -l remove-after -d 'Remove the temporary directory DIR when standard input ends' -r -F
complete -c kache -n "__fish_kache_using_subcommand try" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand try" -l release -d 'Build with optimizations'
complete -c kache -n "__fish_kache_using_subcommand try" -l json -d 'Print one JSON object instead of a table'
complete -c kache -n "__fish_kache_using_subcommand try" -l keep -d 'Keep the temporary directory, with the store and the last build'
complete -c kache -n "__fish_kache_using_subcommand try" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand completions" -l color -d 'When to use colors' -r -f -a "auto\t''
always\t''
never\t''"
complete -c kache -n "__fish_kache_using_subcommand completions" -s h -l help -d 'Print help'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "init" -d 'Configure cargo to use kache, and verify it'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "doctor" -d 'Check the installation and fix problems'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "stats" -d 'Show cache statistics: hits, misses, time saved, and disk usage'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "report" -d 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "monitor" -d 'Show what kache does while a build runs'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "list" -d 'List the entries of the store'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "why-miss" -d 'Explain why crates were not served from the cache: one, or those of the last build'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "gc" -d 'Reduce the store to its size limit, and remove unreferenced files'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "harvest" -d 'Keep what cargo wrote in the last build, to fill new build directories with it'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "purge" -d 'Remove all entries, or those of one crate'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "clean" -d 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "sync" -d 'Share entries with other machines through the remote'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "save-manifest" -d 'Share what the last build consisted of, so that others can fill new build directories with it'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "remote" -d 'Manage keys for the remote'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "uninstall" -d 'Restore the cargo configuration, and remove what init created'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "self-update" -d 'Update kache to the latest release'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "config" -d 'Show the settings in effect and where they come from'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "daemon" -d 'Manage the daemon'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "try" -d 'Build a workspace with and without kache in a temporary directory, and compare'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "completions" -d 'Generate shell completions'
complete -c kache -n "__fish_kache_using_subcommand help; and not __fish_seen_subcommand_from init doctor stats report monitor list why-miss gc harvest purge clean sync save-manifest remote uninstall self-update config daemon try completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from remote" -f -a "keygen" -d 'Create a key pair to sign entries with'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Print the value of one setting'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "set" -d 'Set a setting in the user\'s configuration file, or in the project\'s'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "unset" -d 'Remove a setting from the user\'s configuration file, or from the project\'s'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "undo" -d 'Take back the last change of a configuration file that was made with these commands'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "run" -d 'Run the daemon in the foreground'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "status" -d 'Show the status of the daemon (the default)'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "start" -d 'Start the daemon, unless it is running'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "stop" -d 'Stop the daemon, after it has sent what is queued for the remote'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "restart" -d 'Restart the daemon without dropping requests'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "install" -d 'Install the daemon as a login service, and start it'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "uninstall" -d 'Stop the daemon, and remove the login service'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "log" -d 'Print the end of the log'
complete -c kache -n "__fish_kache_using_subcommand help; and __fish_seen_subcommand_from daemon" -f -a "preflight" -d 'Check that this binary can run here, and print its version'
