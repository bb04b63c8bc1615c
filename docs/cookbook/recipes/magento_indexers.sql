-- In which state is each of Magento's indexers? One that stays invalid shows old prices and stocks.
SELECT indexer_id AS indexer, status FROM {indexer_state}
