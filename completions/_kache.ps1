
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'kache' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'kache'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'kache' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Configure cargo to use kache, and verify it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check the installation and fix problems')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show cache statistics: hits, misses, time saved, and disk usage')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline')
            [CompletionResult]::new('monitor', 'monitor', [CompletionResultType]::ParameterValue, 'Show what kache does while a build runs')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the entries of the store')
            [CompletionResult]::new('why-miss', 'why-miss', [CompletionResultType]::ParameterValue, 'Explain why crates were not served from the cache: one, or those of the last build')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Reduce the store to its size limit, and remove unreferenced files')
            [CompletionResult]::new('harvest', 'harvest', [CompletionResultType]::ParameterValue, 'Keep what cargo wrote in the last build, to fill new build directories with it')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Remove all entries, or those of one crate')
            [CompletionResult]::new('clean', 'clean', [CompletionResultType]::ParameterValue, 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Share entries with other machines through the remote')
            [CompletionResult]::new('save-manifest', 'save-manifest', [CompletionResultType]::ParameterValue, 'Share what the last build consisted of, so that others can fill new build directories with it')
            [CompletionResult]::new('remote', 'remote', [CompletionResultType]::ParameterValue, 'Manage keys for the remote')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Restore the cargo configuration, and remove what init created')
            [CompletionResult]::new('self-update', 'self-update', [CompletionResultType]::ParameterValue, 'Update kache to the latest release')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show the settings in effect and where they come from')
            [CompletionResult]::new('daemon', 'daemon', [CompletionResultType]::ParameterValue, 'Manage the daemon')
            [CompletionResult]::new('try', 'try', [CompletionResultType]::ParameterValue, 'Build a workspace with and without kache in a temporary directory, and compare')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Generate shell completions')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;init' {
            [CompletionResult]::new('--wrapper-path', '--wrapper-path', [CompletionResultType]::ParameterName, 'How the cargo configuration refers to kache')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; requires -y or --dry-run')
            [CompletionResult]::new('--no-service', '--no-service', [CompletionResultType]::ParameterName, 'Do not install the login service')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Start the service at boot instead of at login, for machines that build with no user logged in')
            [CompletionResult]::new('--undo', '--undo', [CompletionResultType]::ParameterName, 'Revert the changes of earlier runs of init')
            [CompletionResult]::new('--allow-root', '--allow-root', [CompletionResultType]::ParameterName, 'Allow running as root through sudo')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'kache;doctor' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Fix problems, after showing the changes')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'Also change files of the current repository that configure sccache')
            [CompletionResult]::new('--purge-sccache', '--purge-sccache', [CompletionResultType]::ParameterName, 'Also remove the local cache of sccache')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the fixes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the fixes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Verify the content of the whole store, and quarantine what was altered')
            [CompletionResult]::new('--rebuild-index', '--rebuild-index', [CompletionResultType]::ParameterName, 'Rebuild the index from the store')
            [CompletionResult]::new('--online', '--online', [CompletionResultType]::ParameterName, 'Also check for a newer release, and whether the remote can be used; only this uses the network')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Print a report for bug reports, without the names of the user, home directory and project')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show all checks, not only notes and problems')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show all checks, not only notes and problems')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; with --fix, requires -y or --dry-run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;stats' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only builds within this time, such as 24h or 7d; records are kept for 30 days')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of tables')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;report' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the report')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only builds within this time, such as 24h or 7d; records are kept for 30 days')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the report to this file instead of standard output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--last-build', '--last-build', [CompletionResultType]::ParameterName, 'Only the last build')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text: another spelling of --format json')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'kache;monitor' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Show builds within this time, such as 24h or 7d')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Print the screen once, as text, and exit')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object per line instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;list' {
            [CompletionResult]::new('--crate-name', '--crate-name', [CompletionResultType]::ParameterName, 'The crate or package: another spelling of CRATE')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort order')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Show the inputs of each entry and how they were learned, instead of its size')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'kache;why-miss' {
            [CompletionResult]::new('--crate-name', '--crate-name', [CompletionResultType]::ParameterName, 'The crate or package: another spelling of CRATE')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;gc' {
            [CompletionResult]::new('--max-age', '--max-age', [CompletionResultType]::ParameterName, 'Also remove entries unused for this long, such as 7d')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Keep entries made or used within this time, which a running build may need')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('--automatic', '--automatic', [CompletionResultType]::ParameterName, 'Started by a build: print nothing, and do nothing unless needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;harvest' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('--automatic', '--automatic', [CompletionResultType]::ParameterName, 'Started by a build: wait for its end, and print nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;purge' {
            [CompletionResult]::new('--crate-name', '--crate-name', [CompletionResultType]::ParameterName, 'The crate or package: another spelling of CRATE')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;clean' {
            [CompletionResult]::new('--stale', '--stale', [CompletionResultType]::ParameterName, 'Choose build directories that were not used for this long, such as 14d')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be removed, without removing anything')
            [CompletionResult]::new('--orphans', '--orphans', [CompletionResultType]::ParameterName, 'Choose build directories whose projects are gone')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Choose all build directories')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Remove what is chosen without asking; requires --stale, --orphans or --all')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Remove what is chosen without asking; requires --stale, --orphans or --all')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; requires -y or --dry-run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;sync' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--pull', '--pull', [CompletionResultType]::ParameterName, 'Fetch entries from the remote')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Send entries to the remote')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Transfer everything, not only what this workspace can use')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be transferred, without transferring anything')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be transferred, without transferring anything')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;save-manifest' {
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The namespace to share it in [default: `cache.remote.namespace`]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;remote' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Create a key pair to sign entries with')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;remote;keygen' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Where to write the secret key [default: kache/remote.key in the user''s configuration directory]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;remote;help' {
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Create a key pair to sign entries with')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;remote;help;keygen' {
            break
        }
        'kache;remote;help;help' {
            break
        }
        'kache;uninstall' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; requires -y or --dry-run')
            [CompletionResult]::new('--purge', '--purge', [CompletionResultType]::ParameterName, 'Also remove the store, the records, and the journal of changes')
            [CompletionResult]::new('--self', '--self', [CompletionResultType]::ParameterName, 'Also remove this program, if kache''s installer put it here')
            [CompletionResult]::new('--allow-root', '--allow-root', [CompletionResultType]::ParameterName, 'Allow running as root through sudo')
            [CompletionResult]::new('--by-installer', '--by-installer', [CompletionResultType]::ParameterName, 'Called by an installer, which removes the program next')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;self-update' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Apply the changes without asking')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; requires -y or --dry-run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of one setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting in the user''s configuration file, or in the project''s')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Remove a setting from the user''s configuration file, or from the project''s')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Take back the last change of a configuration file that was made with these commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;config;get' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of the value')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config;set' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'Change the project''s .kache.toml instead of the user''s file')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config;unset' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'Change the project''s .kache.toml instead of the user''s file')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config;undo' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the change without making it; exit with 2 if there is any')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config;help' {
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of one setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting in the user''s configuration file, or in the project''s')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Remove a setting from the user''s configuration file, or from the project''s')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Take back the last change of a configuration file that was made with these commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;config;help;get' {
            break
        }
        'kache;config;help;set' {
            break
        }
        'kache;config;help;unset' {
            break
        }
        'kache;config;help;undo' {
            break
        }
        'kache;config;help;help' {
            break
        }
        'kache;daemon' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon in the foreground')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the status of the daemon (the default)')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start the daemon, unless it is running')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop the daemon, after it has sent what is queued for the remote')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Restart the daemon without dropping requests')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Install the daemon as a login service, and start it')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop the daemon, and remove the login service')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of the log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Check that this binary can run here, and print its version')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;daemon;run' {
            [CompletionResult]::new('--supervised', '--supervised', [CompletionResultType]::ParameterName, 'The supervisor that restarts the daemon')
            [CompletionResult]::new('--exe', '--exe', [CompletionResultType]::ParameterName, 'The path to watch for another version')
            [CompletionResult]::new('--handover', '--handover', [CompletionResultType]::ParameterName, 'The state handed over by the previous version')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;status' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;start' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--for-build', '--for-build', [CompletionResultType]::ParameterName, 'Start it only where a build may: not where a service does, or somebody stopped it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;stop' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;restart' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;install' {
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The service account that runs the builds and the daemon')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'Install a system service for a build server, which starts with the machine; requires root')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;uninstall' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show the changes without making them; exit with 2 if there are any')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the content of new files, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'Remove the system service; requires root')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;log' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Number of lines')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Number of lines')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;preflight' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;help' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon in the foreground')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the status of the daemon (the default)')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start the daemon, unless it is running')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop the daemon, after it has sent what is queued for the remote')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Restart the daemon without dropping requests')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Install the daemon as a login service, and start it')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop the daemon, and remove the login service')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of the log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Check that this binary can run here, and print its version')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;daemon;help;run' {
            break
        }
        'kache;daemon;help;status' {
            break
        }
        'kache;daemon;help;start' {
            break
        }
        'kache;daemon;help;stop' {
            break
        }
        'kache;daemon;help;restart' {
            break
        }
        'kache;daemon;help;install' {
            break
        }
        'kache;daemon;help;uninstall' {
            break
        }
        'kache;daemon;help;log' {
            break
        }
        'kache;daemon;help;preflight' {
            break
        }
        'kache;daemon;help;help' {
            break
        }
        'kache;try' {
            [CompletionResult]::new('--remove-after', '--remove-after', [CompletionResultType]::ParameterName, 'Remove the temporary directory DIR when standard input ends')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--release', '--release', [CompletionResultType]::ParameterName, 'Build with optimizations')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Keep the temporary directory, with the store and the last build')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Configure cargo to use kache, and verify it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check the installation and fix problems')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show cache statistics: hits, misses, time saved, and disk usage')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline')
            [CompletionResult]::new('monitor', 'monitor', [CompletionResultType]::ParameterValue, 'Show what kache does while a build runs')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the entries of the store')
            [CompletionResult]::new('why-miss', 'why-miss', [CompletionResultType]::ParameterValue, 'Explain why crates were not served from the cache: one, or those of the last build')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Reduce the store to its size limit, and remove unreferenced files')
            [CompletionResult]::new('harvest', 'harvest', [CompletionResultType]::ParameterValue, 'Keep what cargo wrote in the last build, to fill new build directories with it')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Remove all entries, or those of one crate')
            [CompletionResult]::new('clean', 'clean', [CompletionResultType]::ParameterValue, 'Remove build directories of cargo: by choice, unused ones, or those of deleted projects')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Share entries with other machines through the remote')
            [CompletionResult]::new('save-manifest', 'save-manifest', [CompletionResultType]::ParameterValue, 'Share what the last build consisted of, so that others can fill new build directories with it')
            [CompletionResult]::new('remote', 'remote', [CompletionResultType]::ParameterValue, 'Manage keys for the remote')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Restore the cargo configuration, and remove what init created')
            [CompletionResult]::new('self-update', 'self-update', [CompletionResultType]::ParameterValue, 'Update kache to the latest release')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show the settings in effect and where they come from')
            [CompletionResult]::new('daemon', 'daemon', [CompletionResultType]::ParameterValue, 'Manage the daemon')
            [CompletionResult]::new('try', 'try', [CompletionResultType]::ParameterValue, 'Build a workspace with and without kache in a temporary directory, and compare')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Generate shell completions')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;help;init' {
            break
        }
        'kache;help;doctor' {
            break
        }
        'kache;help;stats' {
            break
        }
        'kache;help;report' {
            break
        }
        'kache;help;monitor' {
            break
        }
        'kache;help;list' {
            break
        }
        'kache;help;why-miss' {
            break
        }
        'kache;help;gc' {
            break
        }
        'kache;help;harvest' {
            break
        }
        'kache;help;purge' {
            break
        }
        'kache;help;clean' {
            break
        }
        'kache;help;sync' {
            break
        }
        'kache;help;save-manifest' {
            break
        }
        'kache;help;remote' {
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Create a key pair to sign entries with')
            break
        }
        'kache;help;remote;keygen' {
            break
        }
        'kache;help;uninstall' {
            break
        }
        'kache;help;self-update' {
            break
        }
        'kache;help;config' {
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of one setting')
            [CompletionResult]::new('set', 'set', [CompletionResultType]::ParameterValue, 'Set a setting in the user''s configuration file, or in the project''s')
            [CompletionResult]::new('unset', 'unset', [CompletionResultType]::ParameterValue, 'Remove a setting from the user''s configuration file, or from the project''s')
            [CompletionResult]::new('undo', 'undo', [CompletionResultType]::ParameterValue, 'Take back the last change of a configuration file that was made with these commands')
            break
        }
        'kache;help;config;get' {
            break
        }
        'kache;help;config;set' {
            break
        }
        'kache;help;config;unset' {
            break
        }
        'kache;help;config;undo' {
            break
        }
        'kache;help;daemon' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon in the foreground')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the status of the daemon (the default)')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start the daemon, unless it is running')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop the daemon, after it has sent what is queued for the remote')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Restart the daemon without dropping requests')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Install the daemon as a login service, and start it')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop the daemon, and remove the login service')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of the log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Check that this binary can run here, and print its version')
            break
        }
        'kache;help;daemon;run' {
            break
        }
        'kache;help;daemon;status' {
            break
        }
        'kache;help;daemon;start' {
            break
        }
        'kache;help;daemon;stop' {
            break
        }
        'kache;help;daemon;restart' {
            break
        }
        'kache;help;daemon;install' {
            break
        }
        'kache;help;daemon;uninstall' {
            break
        }
        'kache;help;daemon;log' {
            break
        }
        'kache;help;daemon;preflight' {
            break
        }
        'kache;help;try' {
            break
        }
        'kache;help;completions' {
            break
        }
        'kache;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
